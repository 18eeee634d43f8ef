"""How a person far away says that they have seen an alarm, with no port of the home open."""
