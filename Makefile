# Aliases of ./dev for those whose fingers know make; `make help` says what each does.
.PHONY: help demo run seed test check torture bench migrate revision openapi lock
help:
	@./dev help
demo run seed test check torture bench migrate revision openapi lock:
	@./dev $@ $(ARGS)
