"""Style and script of the report: what the one style sheet of all pages does not have, and filters that hide what was not asked for."""

STYLE = """
thead th.number{white-space:normal;overflow-wrap:anywhere;min-width:5rem}
tbody th{min-width:9rem}
table caption{position:sticky;left:0;max-width:calc(100vw - 3rem)}
details{margin-top:1rem}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.25rem;font-size:.9rem}
dt{font-weight:600}
dd{margin:0}
[hidden]{display:none!important}
.filters{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;padding:.75rem 0;margin-bottom:1rem;background:var(--ground);border-bottom:1px solid var(--edge)}
.filters label{color:var(--soft);font-size:.9rem}
.filters select{font:inherit;margin-left:.4rem;max-width:16rem;color:var(--ink);background:var(--card);border:1px solid var(--soft);border-radius:.4rem;padding:.2rem .4rem}
.filters select:focus-visible{outline:3px solid var(--ok);outline-offset:2px}
.filters output{margin-left:auto;color:var(--soft);font-size:.9rem}
article.card{content-visibility:auto;contain-intrinsic-size:auto 40rem;margin-bottom:1rem}
article h3{overflow-wrap:anywhere}
article h4{margin:1rem 0 .35rem;font-size:.9rem;font-weight:600;color:var(--soft)}
.case{display:grid;gap:1rem 2rem;grid-template-columns:minmax(0,17rem) minmax(0,1fr)}
.case img{display:block;max-width:100%;border-radius:.5rem;margin-bottom:.5rem}
.case p{overflow-wrap:anywhere;max-width:none;margin:0 0 .5rem}
.case .said,.case .caption{white-space:pre-wrap}
.case .said{font-size:.9rem;border-left:3px solid var(--edge);padding-left:.6rem}
.told{list-style:none;margin:0;padding:0}
.told li{display:grid;grid-template-columns:10.5rem minmax(0,1fr);gap:.6rem;padding:.25rem 0 .25rem .6rem;border-left:3px solid;margin-bottom:.2rem;overflow-wrap:anywhere}
.told li>bdi{color:var(--ink)}
.told .verdict{font-size:.85rem;font-weight:600}
.told .verdict>*{display:block}
.told small{color:var(--soft)}
.yes{color:var(--ok)}
.no{color:var(--lost)}
.cannot_tell{color:var(--again)}
.unscored{color:var(--left)}
.notes{list-style:none;padding:0;margin:1rem 0}
.notes li{border-left:3px solid var(--again);padding-left:.6rem;margin-bottom:.3rem}
@media(max-width:46rem){dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:.5rem}.case{grid-template-columns:minmax(0,1fr)}.filters{position:static}.told li{grid-template-columns:minmax(0,1fr);gap:0}}
@media print{.filters{display:none}article.card{content-visibility:visible}}
"""

SCRIPT = """
"use strict";
(() => {
  const bar = document.getElementById("filters");
  if (!bar) return;
  const chosen = name => document.getElementById(name).value;
  const shown = document.getElementById("shown");
  const cases = [...document.querySelectorAll("article[data-model]")];
  const apply = () => {
    const model = chosen("model"), metric = chosen("metric"), verdict = chosen("verdict");
    let count = 0;
    for (const one of cases) {
      let any = false;
      for (const list of one.querySelectorAll(".told")) {
        let some = false;
        for (const item of list.children) {
          const fits = (!metric || item.dataset.metric === metric) &&
            (!verdict || item.dataset.verdicts.split(" ").includes(verdict));
          item.hidden = !fits;
          some = some || fits;
        }
        list.hidden = !some;
        list.previousElementSibling.hidden = !some;
        any = any || some;
      }
      one.hidden = Boolean((model && one.dataset.model !== model) || ((metric || verdict) && !any));
      count += one.hidden ? 0 : 1;
    }
    shown.textContent = count + " of " + cases.length + " cases";
  };
  bar.addEventListener("change", apply);
  bar.hidden = false;
  apply();
})();
"""
