"""The accounts of an instance: their keys, their venues, and what people do to them."""
