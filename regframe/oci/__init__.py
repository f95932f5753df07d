"""What registries' documents say. Pure: bytes in, typed documents out; no I/O and no pandas."""
