"""The exchanges: adapters of `app.ports.venue.Venue`."""
