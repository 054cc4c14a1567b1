"use strict";

// Tables can be sorted; everything else on the page works without a script.

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
