import sys

from kerasrnn.cli import main

sys.exit(main())
