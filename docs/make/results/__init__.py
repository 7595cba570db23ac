"""What the pages quote: a module for each section of docs/numbers.json, found by its name.

``make(work)`` returns the values of a section, anything that JSON can hold; `work` is a folder for what takes long, so
that a killed run goes on. ``tables(values)`` returns its Markdown tables by name, where it has some.
"""
