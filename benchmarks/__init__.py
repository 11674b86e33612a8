"""Measurements of the services beside their floors; `./dev bench` runs them."""
