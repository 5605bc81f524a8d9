// Building and changing the document. Text goes in as text only: what a charger sent is never markup.

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// touches the document only for a change, so that nothing is drawn, announced or deselected without one
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function setShown(target, shown) {
  if (target.hidden === shown) target.hidden = !shown;
}

export function setClass(target, className) {
  if (target.className !== className) target.className = className;
}

export function setPart(target, property, part) {
  const percent = `${(Math.min(1, Math.max(0, part)) * 100).toFixed(2)}%`;
  if (target.style.getPropertyValue(property) !== percent) target.style.setProperty(property, percent);
}

// keeps one card for each key, in the order given; update(card, item) fills it in
export function keep(container, cards, items, keyOf, make) {
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  for (const [key, card] of cards) {
    if (!wanted.has(key)) {
      card.root.remove();
      cards.delete(key);
    }
  }
  let index = 0;
  for (const [key, item] of wanted) {
    if (!cards.has(key)) cards.set(key, make(item));
    const card = cards.get(key);
    if (container.children[index] !== card.root) container.insertBefore(card.root, container.children[index] ?? null);
    card.update(item);
    index += 1;
  }
}

const SHAPES = {
  charging: "M13 2 4 14h6l-1 8 9-12h-6z",
  pause: "M7 5h3v14H7zM14 5h3v14h-3z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2.2a6.8 6.8 0 1 1 0 13.6 6.8 6.8 0 0 1 0-13.6zM11 7h2v4.6l3.2 1.9-1 1.7L11 12.7z",
  plug: "M8 2h2v5h4V2h2v5h2v4a6 6 0 0 1-5 5.9V22h-2v-5.1A6 6 0 0 1 6 11V7h2z",
  free: "M9.5 18.2 3.8 12.5l1.7-1.7 4 4 9-9 1.7 1.7z",
  closed: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-5 7.6h10v2.8H7z",
  warning: "M12 2.5 1.5 21h21zM11 9h2v6h-2zm0 7.5h2v2.2h-2z",
  offline: "M5.4 4 4 5.4l14.6 14.6L20 18.6zM12 5c4 0 7.600 1.600 10.300 4.200l-1.800 1.800A12 12 0 0 0 12 7.500l-1-.030L8.800 5.300C9.800 5.100 10.900 5 12 5zM12 17a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  unknown: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-1 12.500h2v2h-2zM8.800 9.600C8.800 7.800 10.200 6.500 12 6.500s3.200 1.200 3.200 2.900c0 2.300-2.200 2.500-2.200 4.600h-2c0-3.100 2.200-3.300 2.200-4.600 0-.600-.500-1-1.200-1s-1.200.500-1.200 1.200z",
};

const ICON_OF_STATE = {
  available: "free",
  preparing: "plug",
  charging: "charging",
  waiting: "clock",
  updating: "clock",
  suspended_evse: "pause",
  suspended_ev: "pause",
  finishing: "plug",
  reserved: "closed",
  unavailable: "closed",
  faulted: "warning",
  offline: "offline",
  unknown: "unknown",
};

const SVG = "http://www.w3.org/2000/svg";

// an icon always stands beside a word, so it is hidden from screen readers
export function icon() {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  picture.append(document.createElementNS(SVG, "path"));
  return picture;
}

export function setIcon(picture, name) {
  const shape = SHAPES[name] ?? SHAPES.unknown;
  const path = picture.firstChild;
  if (path.getAttribute("d") !== shape) path.setAttribute("d", shape);
}

export const iconOfState = (state) => ICON_OF_STATE[state] ?? "unknown";
