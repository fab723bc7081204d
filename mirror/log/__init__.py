"""What the operator is told: a line for each request, and events. Secrets and control characters stay out."""
