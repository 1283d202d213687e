"""The HTML page that reports and galleries share: one file that needs no network."""

import html
from pathlib import Path

from dsol.files import write_text


def write_page(path: str | Path, title: str, body: str, style: str = "") -> Path:
    """Write an HTML page that looks like the report, whole or not at all.

    Args:
        path: the .html to write.
        title: its heading.
        body: HTML, a `<section>` for each part.
        style: CSS beside the report's own.
    """
    write_text(path, _PAGE.format(title=html.escape(title), style=_STYLE + style, body=body))
    return Path(path)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2230;--quiet:#667085;--line:#e4e7ec;--accent:#0f8a6b;
--c0:#1f77b4;--c1:#d98200;--c2:#0f8a6b;--c3:#b4568c;--c4:#c24a00;--c5:#6b7280}
@media (prefers-color-scheme:dark){:root{--page:#11141a;--card:#191e27;--ink:#e8ecf2;--quiet:#98a2b3;--line:#2b323e;
--accent:#27c79d;--c0:#56b4e9;--c1:#e69f00;--c2:#27c79d;--c3:#e091bd;--c4:#f07b3f;--c5:#a3abb8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main{max-width:1060px;margin:0 auto;padding:0 20px}
header{padding-top:40px}
h1{font-size:2rem;line-height:1.2;letter-spacing:-.02em;margin:0 0 20px}
h2{font-size:1.15rem;margin:0 0 14px}
section,.facts{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:22px 24px;margin:0 0 20px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:16px 24px}
.facts dt{color:var(--quiet);font-size:.8rem}
.facts dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.film video{display:block;margin:0 auto;width:100%;max-width:720px;max-height:560px;
border-radius:10px;background:#11141a}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:9px 12px;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--quiet);font-size:.8rem;font-weight:500}
tbody th{font-weight:500}
tbody tr:last-child>*{border-bottom:0}
th:first-child{padding-left:0}
td:last-child{padding:0 0 0 20px}
.number{text-align:right}
.result{font-weight:700;font-size:1.1rem;color:var(--accent)}
.baseline{color:var(--quiet)}.close{font-weight:600;color:inherit}
.note{color:var(--quiet);font-size:.85rem;margin:12px 0 0}
.bar{width:160px;height:14px;display:block}
.track{fill:var(--line)}.fill{fill:var(--accent);opacity:.55}
.whisker{stroke:var(--ink);stroke-width:1.4;fill:none}
.tick{stroke:var(--c4);stroke-width:2}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:24px}
figure{margin:0}
.charts figcaption{font-weight:600;font-size:.95rem;margin-bottom:6px}
.chart{width:100%;height:auto;display:block}
.chart text{fill:var(--quiet);font-size:12px}
.grid{stroke:var(--line)}
polyline{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:6px 0 0;font-size:.85rem}
.legend span::before{content:"";display:inline-block;width:10px;height:10px;border-radius:50%;
background:currentColor;margin-right:6px}
.legend b{color:var(--ink)}
.pictures{display:grid;gap:24px}
.pictures img{display:block;max-width:100%;height:auto;margin:0 auto;border-radius:8px}
.pictures figcaption{color:var(--quiet);font-size:.9rem;margin-top:8px;text-align:center}
""" + "".join(  # a colour a curve, in the chart and in its legend
    f"polyline.c{n}{{stroke:var(--c{n})}}circle.c{n}{{fill:var(--c{n})}}.legend .c{n}{{color:var(--c{n})}}\n"
    for n in range(6)
)
