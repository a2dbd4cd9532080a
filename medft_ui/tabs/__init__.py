"""One module a tab, each with one function ``build(studio)`` that lays it out and wires what stays inside it."""
