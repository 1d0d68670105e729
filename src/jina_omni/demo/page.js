"use strict";
const { queries, scores } = JSON.parse(document.getElementById("data").textContent);
const box = document.getElementById("query"), taken = document.getElementById("taken");
const main = document.querySelector("main"), cards = [...main.children];
const words = text => text.toLowerCase().split(/[^a-z]+/).filter(word => word);
function shared(typed, query) {
  const known = words(query);
  const hits = typed.filter(word => known.some(other => other.startsWith(word))).length;
  return hits - known.length / 100;
}
function search() {
  const typed = words(box.value);
  let best = -1, most = 0;
  queries.forEach((query, i) => {
    const n = shared(typed, query);
    if (n > most) { best = i; most = n; }
  });
  taken.textContent = best < 0 ? "" : "nearest known query: " + queries[best];
  const order = cards.map((_, i) => i);
  if (best >= 0) order.sort((a, b) => scores[best][b] - scores[best][a]);
  order.forEach(i => {
    cards[i].querySelector(".score").textContent = best < 0 ? "" : scores[best][i].toFixed(2);
    main.append(cards[i]);
  });
}
box.addEventListener("input", search);
document.querySelectorAll("button").forEach(button =>
  button.addEventListener("click", () => { box.value = button.textContent; search(); }));
