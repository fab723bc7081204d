"""The operator's listener: figures and health. Answers whatever the registry's listener is busy with."""
