# Aliases of ./dev for those whose fingers know make.
.PHONY: help demo run test check bench lock
help:
	@./dev help
demo run test check bench lock:
	@./dev $@ $(ARGS)
