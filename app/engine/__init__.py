"""The execution core: one mailbox, state, handlers, and what carries out their effects."""
