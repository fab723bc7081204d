"""What of the images that clients pull would not survive an outage, and why: found out beforehand, asking nobody."""
