# Aliases of ./dev for those whose fingers know make.
.PHONY: help demo run test check bench migrate revision openapi lock
help:
	@./dev help
demo run test check bench migrate revision openapi lock:
	@./dev $@ $(ARGS)
