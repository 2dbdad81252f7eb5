"""The two listeners: the public one for webhooks, the private API."""
