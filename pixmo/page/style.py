"""The one style sheet: calm, light and dark, from 320 px to walls, also on paper.

Text has a contrast of at least 4.5:1, marks of 3:1, in both schemes (tests/page/test_style.py computes them).
"""

from __future__ import annotations

LIGHT = {
    "ground": "#faf9f7", "card": "#ffffff", "ink": "#1f2428", "soft": "#59626b", "edge": "#dcd9d3", "track": "#ebe8e2",
    "ok": "#0b7a6f", "again": "#b15c00", "left": "#6b7480", "lost": "#b4234f",
}  # fmt: skip
DARK = {
    "ground": "#14171a", "card": "#1c2024", "ink": "#e8eaec", "soft": "#a7b0b9", "edge": "#343a41", "track": "#2b3036",
    "ok": "#35c4b2", "again": "#f0a63a", "left": "#8f99a4", "lost": "#f4779b",
}  # fmt: skip


def _colours(scheme: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in scheme.items())


_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:78rem;padding:clamp(1rem,3vw,3rem);background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header{margin-bottom:2rem}
h1{margin:.2rem 0 .4rem;font-size:clamp(1.6rem,1.2rem + 2vw,2.5rem);line-height:1.15;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{margin:0 0 .25rem;font-size:1.25rem;letter-spacing:-.01em}
h3{margin:0 0 .5rem;font-size:1rem}
p{margin:.25rem 0 .75rem;max-width:70ch}
section{margin:2.5rem 0}
.eyebrow,.soft,caption,footer{color:var(--soft)}
.eyebrow{font-size:.85rem;font-weight:600;letter-spacing:.04em}
.tiles{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,9.5rem),1fr));margin:0}
.tiles div,.card{background:var(--card);border:1px solid var(--edge);border-radius:.75rem;padding:1rem}
.tiles dt{color:var(--soft);font-size:.9rem}
.tiles dd{margin:0}
.tiles .figure{font-size:1.7rem;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.cards{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));align-items:start}
.card{min-width:0}
.scroll{overflow-x:auto}
.scroll:focus-visible,a:focus-visible{outline:3px solid var(--ok);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem}
th,td{padding:.45rem .75rem .45rem 0;text-align:left;vertical-align:top;border-top:1px solid var(--edge)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.9rem}
tbody th{font-weight:600;overflow-wrap:anywhere}
tbody th small{display:block;font-weight:400;color:var(--soft);font-size:.875rem;max-width:44rem}
th:last-child,td:last-child{padding-right:0}
.number{text-align:right;white-space:nowrap}
.wide{width:30%;min-width:7rem}
td.wide{padding-top:.85rem}
.number+td:not(.number),.number+th:not(.number){padding-left:.75rem}
.card+.card{margin-top:.75rem}
.cards .card+.card{margin-top:0}
svg{display:block;width:100%}
.bar{height:.7rem;border-radius:.2rem}
.bar.tall,.tall .bar{height:1.4rem;border-radius:.4rem}
.chart{height:auto;max-width:35rem;margin:0 auto}
svg rect{fill:var(--ok)}
svg .track{fill:var(--track)}
svg .again{fill:var(--again)}
svg .left{fill:var(--left)}
svg .lost{fill:var(--lost)}
svg .grid{stroke:var(--edge)}
svg .axis{stroke:var(--soft)}
svg .line{fill:none;stroke:var(--ok);stroke-width:2;stroke-linejoin:round}
svg .area{fill:var(--ok);opacity:.14}
svg text{fill:var(--soft);font-size:11px}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.6rem 0 1.25rem;padding:0}
.legend svg{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem;vertical-align:-.05rem;border-radius:.2rem}
.mark{display:inline-block;white-space:nowrap;font-size:.8rem;font-weight:600;border-radius:1rem;padding:.05rem .6rem;border:1px solid}
.mark.again{color:var(--again)}
pre{margin:.5rem 0;padding:.75rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--ground);border:1px solid var(--edge);border-radius:.5rem}
code,pre{font:.9rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre code{font-size:1em}
.facts{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.2rem 1rem;margin:0}
.facts dt{color:var(--soft);overflow-wrap:anywhere}
.facts dd{margin:0;overflow-wrap:anywhere}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--edge);font-size:.9rem}
@media(max-width:34rem){.wide{display:none}th,td{padding-right:.5rem}.mark{padding:0 .4rem}.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.5rem}}
@media(min-width:120rem){html{font-size:112.5%}}
@media(prefers-reduced-motion:reduce){*{transition:none!important;animation:none!important;scroll-behavior:auto!important}}
@media print{body{max-width:none;padding:0}section,.card{break-inside:avoid}}
"""

STYLE = f":root{{color-scheme:light dark;{_colours(LIGHT)}}}\n@media(prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}{_RULES}"
