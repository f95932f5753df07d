"""``python -m regframe`` is the command ``regframe``."""

from regframe.cli import main

if __name__ == "__main__":
    main()
