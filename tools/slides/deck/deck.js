// Formulas first, then the slides: reveal.js hides what is not shown, and MathJax cannot measure what
// is hidden. The menu of MathJax stays off, as its entries would load further files.
window.MathJax = {
  tex: { inlineMath: [["$", "$"], ["\\(", "\\)"]], tags: "none" },
  options: { enableMenu: false, enableAssistiveMml: true, ignoreHtmlClass: "shown" },
};

window.deckIsReady = false;

function startDeck() {
  MathJax.startup.promise
    .then(() =>
      Reveal.initialize({
        width: 960,
        height: 700,
        margin: 0.04,
        center: false,
        controls: false,
        display: "flex",
        hash: true,
        slideNumber: "c/t",
        transition: "none",
        viewDistance: 99, // formulas keep their measure
        plugins: [RevealNotes],
      }),
    )
    .then(() => {
      document.querySelectorAll(".equation mjx-container").forEach(narrow);
      Reveal.getSlides().forEach(shorten);
      document.querySelectorAll(".shown").forEach(arrange);
      window.deckIsReady = true;
    });
}

// An equation that is wider than the slide is written smaller.
function narrow(equation) {
  const available = equation.parentElement.clientWidth;
  if (equation.offsetWidth > available) {
    const size = parseFloat(getComputedStyle(equation).fontSize);
    equation.style.fontSize = `${(size * available) / equation.offsetWidth}px`;
  }
}

// A slide with more words than it has room for is written smaller, but never too small to read.
function shorten(slide) {
  const smallest = 19;
  const style = getComputedStyle(slide);
  const room = slide.clientHeight - parseFloat(style.paddingBottom);
  const needed = () => Math.max(...[...slide.children].map((part) => part.offsetTop + part.offsetHeight));
  let size = parseFloat(style.fontSize);
  while (needed() > room && size > smallest) {
    size -= 1;
    slide.style.fontSize = `${size}px`;
  }
}

// Several figures stand below each other or side by side, whichever leaves them larger.
function arrange(shown) {
  const figures = [...shown.querySelectorAll("figure")];
  if (figures.length < 2) return;
  const shapes = figures.map((figure) => {
    const { width, height } = figure.querySelector("svg").viewBox.baseVal;
    return width / height;
  });
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  const [width, height] = [shown.clientWidth, shown.clientHeight];
  // The common width of figures in a column, and the common height of figures in a row.
  const below = Math.min(width, height / total(shapes.map((shape) => 1 / shape)));
  const beside = Math.min(height, width / total(shapes));
  const isRow = total(shapes.map((shape) => shape * beside ** 2)) > total(shapes.map((shape) => below ** 2 / shape));
  shown.classList.toggle("row", isRow);
  figures.forEach((figure, place) => {
    figure.style.flexGrow = isRow ? shapes[place] : 1 / shapes[place];
  });
}
