"""What travels between the rooms: frozen, so that nobody can change what another has read."""
