"""A local page on which one point of an analysis is moved, and everything that follows from it moves along.

What it shows is worked out without the page (`state`, `scene`); `page` draws it with Bokeh, `server` hands it to the
browsers of this machine.
"""
