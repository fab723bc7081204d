"""The registry API over HTTP: what a request says, and how an answer is put. Decides nothing about content."""
