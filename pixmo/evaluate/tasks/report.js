"use strict";
// Shows the answers that match every filter, and says how many they are. Without this script all are shown.
const filters = [...document.querySelectorAll(".filters [name]")];
const cases = [...document.querySelectorAll("[data-verdict]")];
const told = document.querySelector("#shown");

function matches(card, filter) {
  if (filter.name === "words") {
    return card.textContent.toLowerCase().includes(filter.value.trim().toLowerCase());
  }
  return filter.value === "" || card.dataset[filter.name] === filter.value;
}

function apply() {
  let shown = 0;
  for (const card of cases) {
    card.hidden = !filters.every((filter) => matches(card, filter));
    shown += card.hidden ? 0 : 1;
  }
  told.textContent = `${shown} of ${cases.length} shown`;
}

for (const filter of filters) {
  filter.addEventListener("input", apply);
}
document.querySelector(".filters").hidden = false;
apply();
