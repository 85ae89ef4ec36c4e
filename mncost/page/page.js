"use strict";

// The page can be read without any of this: it adds sorting, filters, tooltips and the theme.

function theme() {
  const button = document.getElementById("theme");
  const dark = document.getElementById("dark");
  const isDark = () => matchMedia(dark.media).matches;
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    dark.media = isDark() ? "not all" : "screen"; // paper stays light
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  button.hidden = false;
}

// ---------------------------------------------------------------------------------------- tables

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function sortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(header.firstElementChild.cloneNode(true));
    header.firstElementChild.className = "on-paper"; // where buttons are not repeated on each page
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const isDescending = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      sort(table.tBodies[0], column, header.classList.contains("number"), isDescending);
    });
  });
}

// Array.sort is stable: rows that are equal in this column keep the order that they have.
function sort(body, column, isNumber, isDescending) {
  const sign = isDescending ? -1 : 1;
  const keyed = [...body.rows].map((row) => {
    const cell = row.cells[column];
    const key = isNumber ? Number.parseFloat(cell.dataset.key) : cell.textContent;
    return { row, key, isEmpty: isNumber ? Number.isNaN(key) : key === "" };
  });
  keyed.sort((a, b) => {
    if (a.isEmpty || b.isEmpty) return a.isEmpty - b.isEmpty; // these come last, both ways
    return sign * (isNumber ? a.key - b.key : collator.compare(a.key, b.key));
  });
  body.append(...keyed.map(({ row }) => row));
}

const FEW = 3; // rows that nobody needs a filter for

function filterable(table) {
  if (table.tBodies[0].rows.length < FEW) return;
  const bar = table.closest(".data").querySelector(".filter");
  const input = bar.querySelector("input");
  const shown = bar.querySelector("output");
  const rows = [...table.tBodies[0].rows].map((row) => ({
    row,
    text: [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase(),
  }));
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  input.addEventListener("input", filter);
  filter();
  bar.hidden = false;
}

// What scrolls can be reached by the tab key, to be scrolled by arrows.
function reachable(box) {
  new ResizeObserver(() => {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }).observe(box);
}

// -------------------------------------------------------------------------------------- pictures

const tip = document.getElementById("tip");
const NEAR = 18; // pixels from a point that count as on it: more than a finger misses by

function show(point) {
  hide();
  point.classList.add("shown");
  tip.textContent = point.getAttribute("aria-label");
  tip.hidden = false;
  const at = point.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const room = document.documentElement.clientWidth - width - 8;
  const left = Math.max(8, Math.min(at.left + at.width / 2 - width / 2, room));
  const top = at.top > height + 16 ? at.top - height - 8 : at.bottom + 8;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${top + scrollY}px`;
}

function hide() {
  document.querySelector(".point.shown")?.classList.remove("shown");
  tip.hidden = true;
}

function nearest(points, x, y) {
  let best = null;
  let least = NEAR;
  for (const point of points) {
    const at = point.getBoundingClientRect();
    const dx = Math.max(at.left - x, 0, x - at.right);
    const dy = Math.max(at.top - y, 0, y - at.bottom);
    const middle = Math.hypot(at.left + at.width / 2 - x, at.top + at.height / 2 - y);
    const distance = Math.hypot(dx, dy) + middle / 1000; // of two that it is on, the nearer middle
    if (distance <= least) [best, least] = [point, distance];
  }
  return best;
}

// The points of a picture are one stop of the tab key; arrows go from one to the next.
function tooltips(plot) {
  const points = [...plot.querySelectorAll(".point")];
  for (const point of points) {
    const title = point.querySelector("title"); // the tooltip of a page without scripts
    point.setAttribute("aria-label", title.textContent);
    title.remove();
    point.tabIndex = -1;
    point.addEventListener("focus", () => show(point));
    point.addEventListener("blur", hide);
  }
  if (points.length === 0) return;
  const left = new Map(points.map((point) => [point, point.getBoundingClientRect().left]));
  points.sort((a, b) => left.get(a) - left.get(b));
  points[0].tabIndex = 0;
  const follow = (event) => {
    const point = nearest(points, event.clientX, event.clientY);
    if (point) show(point);
    else hide();
  };
  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
  plot.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide(); // what a finger chose stays
  });
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = points[points.indexOf(document.activeElement) + step];
    if (event.key === "Escape") hide();
    if (!step || !next) return;
    event.preventDefault();
    document.activeElement.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

theme();
for (const table of document.querySelectorAll(".data table")) {
  sortable(table);
  filterable(table);
}
document.querySelectorAll(".scroll").forEach(reachable);
document.querySelectorAll(".plot").forEach(tooltips);
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".plot")) hide();
});
