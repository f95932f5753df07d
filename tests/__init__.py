"""The tests of regframe."""
