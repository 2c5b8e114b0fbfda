"""This process and several as one: signals, stops, readers that go, how processes join."""
