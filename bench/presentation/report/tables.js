"use strict";

// Tables can be sorted.

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(header, column));
  });

  // A click sorts from the top, another from the bottom, a third brings the table's own order.
  function sort(header, column) {
    const before = header.getAttribute("aria-sort");
    const first = numeric(column) ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const now = before === null ? first : before === first ? second : null;
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    if (now === null) {
      body.append(...original);
      return;
    }
    header.setAttribute("aria-sort", now);
    const sign = now === "ascending" ? 1 : -1;
    body.append(...[...original].sort((a, b) => compare(a.cells[column], b.cells[column], sign)));
  }

  function numeric(column) {
    return original.some((row) => row.cells[column].dataset.value !== undefined);
  }

  // What has no value is last, whichever way.
  function compare(a, b, sign) {
    const [x, y] = [a.dataset.value, b.dataset.value];
    if (x !== undefined && y !== undefined) {
      return sign * (Number(x) - Number(y));
    }
    if (x !== undefined || y !== undefined) {
      return x === undefined ? 1 : -1;
    }
    return sign * a.textContent.localeCompare(b.textContent);
  }
}

// A table or figure that is wider than the page says so while there is more beyond its right edge.

for (const region of document.querySelectorAll(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "more-hint";
  hint.textContent = "More to the right: scroll sideways →";
  hint.hidden = true;
  region.before(hint);
  const tell = () => {
    const beyond = region.scrollWidth - region.clientWidth;
    region.classList.toggle("more", region.scrollLeft < beyond - 1);
    hint.hidden = beyond <= 1;
  };
  region.addEventListener("scroll", tell, { passive: true });
  new ResizeObserver(tell).observe(region);
}

// A figure that is shown as the file that is offered is on the page once.

for (const link of document.querySelectorAll("figure .downloads a:not([href])")) {
  link.href = link.closest("figure").querySelector("img").src;
}
