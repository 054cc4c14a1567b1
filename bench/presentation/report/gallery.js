
// The gallery: scores under the pictures, their order, which are shown, and the arrow keys.

const gallery = document.querySelector("#gallery");
const pictures = [...gallery.querySelectorAll(".tiles li")];
const facts = gallery.querySelector("#facts") && JSON.parse(gallery.querySelector("#facts").textContent);

// The number of the chosen view, or null.
function chosen(name) {
  const input = gallery.querySelector(`input[name="${name}"]:checked`);
  return input && input.value !== "" ? input.value : null;
}

// What a view says of a picture: score, threshold, letter of the outcome; null where it has none.
function judged(picture, view) {
  const own = view === null ? undefined : facts.sheets[picture.sheet][view];
  if (own === undefined) {
    return null;
  }
  const [score, letter] = [own.scores[picture.index], own.outcomes[picture.index]];
  return { score, threshold: own.threshold, letter };
}

function caption(element, view, found, named) {
  const [sign, word] = found ? facts.outcomes[found.letter] : ["–", "no maps"];
  const score = found ? `: score ${found.score}, threshold ${found.threshold}` : "";
  const whose = named ? `${facts.views[view]}: ` : "";
  const kind = element.className.includes("second") ? "said second" : "said";
  element.textContent = `${whose}${sign} ${word}${score}`;
  element.className = found ? `${kind} ${word.replace("false ", "")}` : kind;
}

function captions(holder, picture) {
  const [view, beside] = [chosen("view"), chosen("beside")];
  const [first, second] = holder.querySelectorAll(".said");
  caption(first, view, judged(picture, view), beside !== null);
  second.hidden = beside === null;
  if (beside !== null) {
    caption(second, beside, judged(picture, beside), true);
  }
}

// The ends of the colours that the chosen views have for a sheet.
function scales(holder, sheet) {
  const beside = chosen("beside");
  const elements = holder.querySelectorAll(".scale");
  [chosen("view"), beside].forEach((view, place) => {
    const element = elements[place];
    const own = view === null ? undefined : facts.sheets[sheet][view];
    element.hidden = own === undefined;
    if (own !== undefined) {
      element.querySelector(".whose").textContent = beside === null ? "" : `${facts.views[view]}:`;
      [".least", ".most"].forEach((end, index) => {
        element.querySelector(end).textContent = own.scale[index];
      });
    }
  });
  holder.querySelector(".scales").hidden = [...elements].every((element) => element.hidden);
}

// The pictures of a sheet that are shown, in their order.
function visible(list) {
  return [...list.children].filter((picture) => !picture.hidden);
}

if (facts) {
  gallery.classList.add("scripted");
  const form = gallery.querySelector("#choose");
  const sheets = [...gallery.querySelectorAll(".sheet")];
  const lists = sheets.map((sheet) => sheet.querySelector(".tiles"));
  const differ = form.querySelector('option[value="differ"]');
  lists.forEach((list, sheet) => {
    [...list.children].forEach((picture, index) => Object.assign(picture, { sheet, index }));
  });
  form.hidden = false;
  gallery.querySelector(".keys").hidden = false;

  function isWanted(picture, first, second) {
    const defect = picture.querySelector(".name").textContent.split("/")[0];
    const { outcome, least, most } = form;
    if (form.defect.value && defect !== form.defect.value) {
      return false;
    }
    if (outcome.value === "differ") {
      return first !== null && second !== null && first.letter !== second.letter;
    }
    if (outcome.value && first?.letter !== outcome.value) {
      return false;
    }
    const isScored = first !== null;
    return (
      (least.value === "" || (isScored && first.score >= least.valueAsNumber)) &&
      (most.value === "" || (isScored && first.score <= most.valueAsNumber))
    );
  }

  const orders = {
    "": (a, b) => a.index - b.index,
    falling: (a, b) => b.found.score - a.found.score,
    rising: (a, b) => a.found.score - b.found.score,
    close: (a, b) => margin(a.found) - margin(b.found),
  };
  const margin = ({ score, threshold }) => Math.abs(score - Number(threshold));

  function show() {
    const [view, beside] = [chosen("view"), chosen("beside")];
    differ.disabled = beside === null;
    if (beside === null && form.outcome.value === "differ") {
      form.outcome.value = "";
    }
    let shown = 0;
    lists.forEach((list, number) => {
      const own = [...list.children];
      for (const picture of own) {
        picture.found = judged(picture, view);
        picture.hidden = !isWanted(picture, picture.found, judged(picture, beside));
        captions(picture, picture);
      }
      const order = own.every((picture) => picture.found) ? form.order.value : "";
      list.append(...own.sort((a, b) => orders[order](a, b) || a.index - b.index));
      scales(sheets[number], number);
      const left = visible(list);
      own.forEach((picture) => (picture.firstElementChild.tabIndex = picture === left[0] ? 0 : -1));
      sheets[number].hidden = left.length === 0;
      const of = left.length < own.length ? `${left.length} of ${own.length}` : own.length;
      sheets[number].querySelector(".count").textContent = `${of} test images`;
      shown += left.length;
    });
    form.querySelector("output").textContent = `${shown} of ${pictures.length} pictures`;
  }

  // Arrow keys go where they point, whatever the number of columns.
  function goal(shown, from, key) {
    const columns = shown.filter((one) => one.offsetTop === shown[0].offsetTop).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const ends = { Home: 0, End: shown.length - 1 };
    return key in ends ? shown[ends[key]] : shown[from + steps[key]];
  }

  gallery.addEventListener("keydown", (event) => {
    const picture = event.target.closest(".tiles li");
    if (!picture || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const shown = visible(picture.parentElement);
    const next = goal(shown, shown.indexOf(picture), event.key);
    if (next) {
      event.preventDefault();
      reach(next);
      next.firstElementChild.focus();
    }
  });
  gallery.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.unfold.addEventListener("click", () => {
    const open = sheets.some((sheet) => !sheet.open);
    sheets.forEach((sheet) => (sheet.open = open));
    form.unfold.textContent = open ? "Close all" : "Open all";
  });
  show();
}

// Make a picture the one of its sheet that Tab reaches.
function reach(picture) {
  for (const other of picture.parentElement.children) {
    other.firstElementChild.tabIndex = other === picture ? 0 : -1;
  }
}
