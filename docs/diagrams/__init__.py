"""Clock diagrams of docs/, drawn from simulations of the gateware: ``python docs/diagrams``."""
