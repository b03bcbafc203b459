"""The live view: what `bmcha top` and `bmcha sim` draw on a terminal.

Three layers: `asker` and `watch` collect what modules say, without ever waiting for one; `frame`
and what it calls turn that into rows of styled text, purely; `painter` puts rows on a terminal.
The view decides nothing and knows no chassis: `bmcha.sim.live` adds what only a simulator knows.
"""
