
// One picture large, and the address that leads to it: #PLACE?VIEW,BESIDE.

if (facts) {
  const zoom = gallery.querySelector("#zoom");
  const [before, after, close] = zoom.querySelectorAll("button");
  const link = zoom.querySelector("a");
  let current = null;

  function address() {
    return `#${current.id}?${chosen("view")},${chosen("beside") ?? ""}`;
  }

  function enlarge(picture) {
    current = picture;
    const large = zoom.querySelector(".large");
    large.className = `large of-${picture.sheet}`;
    large.setAttribute("style", picture.getAttribute("style"));
    large.replaceChildren(...[...picture.querySelectorAll(".tile")].map((tile) => tile.cloneNode()));
    for (const [tile, view] of [[".map", chosen("view")], [".beside", chosen("beside")]]) {
      if (view !== null) {
        large.querySelector(tile).ariaLabel = `map, ${facts.views[view]}`;
      }
    }
    const category = picture.closest(".sheet").querySelector("h3").textContent;
    zoom.querySelector("h3").textContent = `${category}, ${picture.querySelector(".name").textContent}`;
    captions(zoom, picture);
    scales(zoom, picture.sheet);
    const shown = visible(picture.parentElement);
    before.disabled = picture === shown[0];
    after.disabled = picture === shown.at(-1);
    link.href = address();
    history.replaceState(null, "", address());
    reach(picture);
    if (!zoom.open) {
      zoom.showModal();
    }
  }

  function step(by) {
    const shown = visible(current.parentElement);
    const next = shown[shown.indexOf(current) + by];
    if (next) {
      enlarge(next);
    }
  }

  // An address brings its views and its picture, also one that a filter hides.
  function follow() {
    const [place, views] = location.hash.slice(1).split("?");
    const picture = pictures.find((one) => one.id === place);
    if (!picture) {
      return;
    }
    const [view, beside] = (views ?? ",").split(",");
    for (const [name, number] of [["view", view], ["beside", beside]]) {
      const input = document.getElementById(`${name}-${number || "none"}`);
      if (views !== undefined && input) {
        input.checked = true;
      }
    }
    if (picture.hidden) {
      gallery.querySelector("#choose").reset();
    }
    gallery.dispatchEvent(new Event("change"));
    picture.closest(".sheet").open = true;
    picture.scrollIntoView({ block: "center" });
    enlarge(picture);
  }

  for (const picture of pictures) {
    picture.firstElementChild.addEventListener("click", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        enlarge(picture);
      }
    });
  }
  before.addEventListener("click", () => step(-1));
  after.addEventListener("click", () => step(1));
  close.addEventListener("click", () => zoom.close());
  zoom.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
  zoom.addEventListener("click", (event) => {
    if (event.target === zoom) {
      zoom.close();
    }
  });
  zoom.addEventListener("close", () => {
    history.replaceState(null, "", "#gallery");
    current.firstElementChild.focus();
  });
  addEventListener("hashchange", follow);
  follow();
}
