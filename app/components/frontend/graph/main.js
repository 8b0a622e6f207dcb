// The entry of the component: one view for each mounted element, which outlives reruns and changes of the theme.

import { View } from "./view.js";

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement.querySelector(".graph-viewer")));
  const view = views.get(parentElement);
  view.emit = setStateValue;
  view.update(data);
  return () => {
    views.delete(parentElement);
    view.destroy();
  };
}
