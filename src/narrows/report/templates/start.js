// What can move on this page is started; what cannot keeps its picture.

const STARTS = { scatter: startMap, slider: startSlider };

for (const figure of document.querySelectorAll("figure[data-live]")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  figure.classList.add("moves");
  STARTS[figure.dataset.live](figure, data);
}
