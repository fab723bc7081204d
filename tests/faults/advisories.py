"""Advisories, and defects of others that were made public, with the test that holds each here under its own name."""

from __future__ import annotations

from collections.abc import Mapping

_U, _C, _F, _Z = "unit", "contracts", "faults", "fuzz"

# Paths are below `tests`.
HELD: Mapping[str, str] = {
    # registries, proxies and clients
    "CVE-2026-48978 oras-go: refresh tokens go to another realm": (
        f"{_U}/upstream/test_token_identity.py::test_an_identity_token_that_was_given_in_exchange_is_for_its_realm_alone"
    ),
    "CVE-2026-50151 oras-go: credentials follow a redirect": (
        f"{_U}/upstream/test_endpoint_credentials.py::test_credentials_stay_on_the_origin_that_they_are_for"
    ),
    "go-containerregistry 2349: a token is attached again behind a redirect": (
        f"{_U}/upstream/test_endpoint_credentials.py::test_who_was_led_away_and_back_carries_no_credential"
    ),
    "go-containerregistry 2332: a Link leads to a private address": (
        f"{_Z}/test_addresses.py::test_no_answer_has_a_forbidden_address_dialled"
    ),
    "CVE-2020-13788, CVE-2022-27907, CVE-2026-0600, CVE-2025-59346, CVE-2026-54637: requests to the inside": (
        f"{_Z}/test_addresses.py::test_no_answer_has_a_forbidden_address_dialled"
    ),
    "CVE-2026-35172 distribution: what one repository holds opens it for another": (
        f"{_C}/test_membership.py::test_a_stranger_is_refused_what_is_cached"
    ),
    "CVE-2026-32589 Quay: what is under way for others is readable": (
        f"{_C}/test_membership.py::test_a_stranger_is_refused_what_is_being_fetched"
    ),
    "GHSA-2v5f-5r6w-p67r: a check fails open on 429": (
        f"{_C}/test_membership.py::test_trouble_never_stands_for_the_upstreams_word"
    ),
    "CVE-2024-3727 containers/image: digests that are none": (
        f"{_U}/oci/test_digest.py::test_everything_else_is_refused"
    ),
    "CVE-2024-6915 Artifactory: one content under two spellings of a name": (
        f"{_U}/oci/test_reference.py::test_any_other_name_is_refused"
    ),
    "CVE-2021-41190, GHSA-qq97-vm5h-rrhg, GHSA-5j5w-g665-5m35: one digest with two meanings": (
        f"{_F}/test_upstream_manifests.py::test_what_may_mean_two_things_is_given_to_nobody"
    ),
    "CVE-2014-8179 Docker: the digest of something else is checked": (
        f"{_C}/test_fetch_endings.py::test_f6_nobody_is_given_the_last_byte_of_what_is_wrong"
    ),
    "CVE-2025-59354 Dragonfly: integrity is checked weakly": (
        f"{_C}/test_fetch_endings.py::test_f6_on_a_mismatch_every_connection_is_cut_short"
    ),
    "GHSA-qv35-3gw6-8q4j regclient: a digest that was asked for is not compared": (
        f"{_U}/pull/test_shelf.py::test_by_digest_the_hash_decides"
    ),
    "CVE-2017-11468 distribution: a manifest without end": (
        f"{_U}/upstream/test_registry.py::test_a_manifest_beyond_the_limit_is_nonsense_whatever_length_it_says"
    ),
    "CVE-2023-46737, CVE-2024-29902, CVE-2023-25656: lists without end": (
        f"{_U}/upstream/test_tag_pages.py::test_all_pages_together_have_a_limit"
    ),
    "CVE-2024-4956 Nexus, CVE-2022-47747 Kraken, CVE-2021-3762 claircore: files outside": (
        f"{_Z}/test_requests.py::test_no_file_is_opened_but_blobs"
    ),
    "CVE-2026-34040, CVE-2024-41110 moby: odd framing leads past a check": (
        f"{_U}/server/test_heard.py::test_a_request_without_a_body_and_with_a_host_is_sound"
    ),
    "CVE-2025-59347 Dragonfly: certificates are not verified": (
        f"{_U}/upstream/test_transport_trust.py"
        "::test_a_certificate_of_an_unknown_authority_is_not_trusted_even_if_insecure"
    ),
    "CVE-2025-59349 Dragonfly: others read the directory that was there": (
        f"{_U}/store/test_layout.py::test_a_directory_that_others_could_read_is_closed_to_them"
    ),
    "CVE-2021-41092 docker: one registry's login is sent to another": (
        f"{_U}/upstream/test_docker_config.py::test_a_key_with_another_port_or_host_is_another_registry"
    ),
    "CVE-2025-48374 zot, GHSA-prh4-vhfh-24mj Harbor, distribution 4721: secrets in the log": (
        f"{_F}/test_canaries.py::test_no_plot_has_a_secret_sent_or_told"
    ),
    "CVE-2026-20896 Gitea: anybody says whom he speaks for": (
        f"{_U}/server/test_access.py::test_a_client_is_who_a_trusted_proxy_says_it_is"
    ),
    "CVE-2026-50195 containerd: content names its own tag": (
        f"{_U}/pull/test_tags_heard.py::test_a_tag_of_another_repository_is_not_made_known"
    ),
    "CVE-2026-10517 claircore, CVE-2026-49349 regclient: an answer leads to plain http, or to the inside": (
        f"{_U}/upstream/test_redirects.py::test_a_redirect_that_is_not_followed_says_why_and_who_sent_it"
    ),
    "CVE-2025-59354 Dragonfly, distribution 2788 and 3247: a layer of no bytes, or of some, passes for a whole one": (
        f"{_F}/test_upstream_blobs.py::test_no_wrong_body_is_completed_and_the_next_is_right"
    ),
    "distribution 3722, 2367: a blob that is gone breaks an image for ever": (
        f"{_C}/test_store_reading.py::test_s7_a_vanished_file_is_a_miss_and_counted"
    ),
    "distribution 4191, containerd 9552: an answer is begun before the upstream has given one": (
        f"{_F}/test_upstream_dead.py::test_a_registry_that_is_not_there_is_said_so_or_not_missed"
    ),
    "go-containerregistry 2328: links among the blobs are followed": (
        f"{_C}/test_store_opening.py::test_s8_what_is_no_regular_file_is_not_opened"
    ),
    "go-containerregistry 2360: a document of any length is read": (
        f"{_U}/upstream/test_exchange.py::test_a_document_whose_length_is_unknown_ambiguous_or_too_large_is_nonsense"
    ),
    # libraries
    "CVE-2026-69244 aiohttp: chunks that are none break the parser": (
        f"{_Z}/test_upstream_answers.py::test_no_answer_does_harm_or_leaves_any"
    ),
    "CVE-2026-34520 aiohttp: control bytes in headers of answers": (
        f"{_U}/upstream/test_exchange.py::test_header_values_are_given_out_printable_or_not_at_all"
    ),
    "CVE-2026-34518, CVE-2026-47265 aiohttp: cookies cross origins": (
        f"{_U}/upstream/test_transport.py::test_cookies_are_neither_kept_nor_sent"
    ),
    "CVE-2026-54273 aiohttp: pipelined requests without end": (
        f"{_U}/server/test_connection_bounds.py::test_a_client_is_not_listened_to_that_has_asked_enough"
    ),
    "CVE-2026-54277, CVE-2026-22815 aiohttp: heads without end": (
        f"{_U}/server/test_connection_bounds.py::test_a_head_that_is_too_large_is_refused"
    ),
    "CVE-2025-69223, CVE-2026-54278 aiohttp: answers that unpack without end": (
        f"{_U}/upstream/test_endpoint.py::test_an_encoded_answer_is_nonsense"
    ),
    "CVE-2024-42367 aiohttp: a packed sibling of a file is served": (
        f"{_C}/test_store_opening.py::test_s8_a_sibling_is_neither_served_nor_touched"
    ),
    "CVE-2024-23334 aiohttp: links are followed": (
        f"{_C}/test_store_opening.py::test_s8_what_is_no_regular_file_is_not_opened"
    ),
    "CVE-2025-69228, CVE-2025-69229, CVE-2024-30251 aiohttp: bodies that are read": (
        f"{_U}/server/test_heard.py::test_a_request_without_a_body_and_with_a_host_is_sound"
    ),
    "CVE-2023-37276, CVE-2024-52304, CVE-2025-53643, CVE-2025-69224 aiohttp: the parser in Python is used": (
        f"{_U}/server/test_protocol.py::test_the_parser_that_is_not_safe_is_not_served_with"
    ),
    "CVE-2025-69227 aiohttp: checks that are asserts are gone in an optimised run": (
        f"{_F}/test_locked_set.py::test_nothing_dangerous_is_found_in_the_code"
    ),
    "CVE-2026-34513, CVE-2026-34516, CVE-2026-50269 aiohttp: what only a newer version has mended": (
        f"{_F}/test_locked_set.py::test_no_version_is_older_than_its_last_advisory"
    ),
    "CVE-2025-69872 diskcache: what lies in the directory is unpickled": (
        f"{_U}/store/test_catalog.py::test_a_forged_row_is_no_fact_and_harms_nobody"
    ),
    "CVE-2024-27454 orjson: documents without a bottom": (
        f"{_U}/oci/test_document.py::test_everything_else_is_refused"
    ),
    # what one young competitor had to fix
    "artifact-keeper 1912: a body that was cut is kept": (
        f"{_F}/test_upstream_blobs.py::test_no_wrong_body_is_completed_and_the_next_is_right"
    ),
    "artifact-keeper 3153: what is being written is served": (
        f"{_C}/test_store.py::test_s1_nothing_is_visible_before_commit"
    ),
    "artifact-keeper 2172: one download for all is one for each process": (
        f"{_C}/test_fetch_siblings.py::test_f1_a_herd_over_four_processes_is_one_fetch"
    ),
    "artifact-keeper 3216: what nobody vouches for is served in an outage": (
        f"{_C}/test_membership.py::test_with_the_upstream_down_only_the_owner_is_served"
    ),
    "artifact-keeper 3238: what was asked for by digest is fetched again after a while": (
        f"{_U}/pull/test_manifests.py::test_a_manifest_is_a_miss_and_then_a_hit_for_ever"
    ),
    "artifact-keeper 3747: 429 to a check passes for a change": (
        "integration/test_offline.py::test_an_upstream_that_is_unwell_is_not_the_clients_trouble"
    ),
    "artifact-keeper 3606: tokens are kept without whose they are": (
        f"{_U}/upstream/test_tokens.py::test_a_token_is_kept_apart_by_login_realm_service_and_scope"
    ),
    "artifact-keeper 1968: shared address space is public": (
        f"{_U}/upstream/test_egress.py::test_private_reserved_and_metadata_addresses_are_forbidden"
    ),
    "artifact-keeper 3226: a HEAD is answered with an address for GET": (
        f"{_U}/upstream/test_heads.py::test_an_address_that_is_signed_for_get_alone_still_tells_the_size"
    ),
}
