"""Looks for what keeps a mirror from doing its work: towards its upstreams, and on the machine that it is on.

Says it in words for somebody who is woken by it, with what to do next. Changes nothing.
"""
