# A thin list of names: scripts/bootstrap.py does the work, and runs without make as well.
# The first Python that is new enough when executed (a version manager's shim may not be).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 \
	$(HOME)/.pyenv/versions/*/bin/python /usr/bin/python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: run test check services bench chaos manage setup
run test check services bench chaos manage setup:
	@$(or $(PYTHON),python3) scripts/bootstrap.py $@ $(ARGS)

# One benchmark alone: make bench-sending ARGS="one two --quick"
BENCHES := $(addprefix bench-,composing sending tracking importing listing)
.PHONY: $(BENCHES)
$(BENCHES): bench-%:
	@$(or $(PYTHON),python3) scripts/bootstrap.py bench $* $(ARGS)

# Readers instead of mail: make chaos-tracking ARGS="short --seed 7"
.PHONY: chaos-tracking
chaos-tracking:
	@$(or $(PYTHON),python3) scripts/bootstrap.py chaos tracking $(ARGS)
