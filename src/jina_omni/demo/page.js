// Finds the known query that shares most words with the text in the search box, and sorts the media by their cosines.
"use strict";
const { queries, scores } = JSON.parse(document.getElementById("data").textContent);
const box = document.getElementById("query"), match = document.getElementById("match");
const main = document.querySelector("main"), cards = [...main.children];
const splitWords = text => text.toLowerCase().split(/[^a-z]+/).filter(word => word);
function countSharedWords(typed, query) {
  const known = splitWords(query);
  const shared = typed.filter(word => known.some(other => other.startsWith(word))).length;
  return shared - known.length / 100; // of two queries with as many shared words, the shorter one
}
function search() {
  const typed = splitWords(box.value);
  let best = -1, most = 0;
  queries.forEach((query, i) => {
    const n = countSharedWords(typed, query);
    if (n > most) { best = i; most = n; }
  });
  match.textContent = best < 0 ? "" : "nearest known query: " + queries[best];
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
