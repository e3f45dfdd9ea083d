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
        width: 1244, // the shape of a 16:9 screen; deck.css has the height, too
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
      document.querySelectorAll("div.equation").forEach(narrow);
      Reveal.getSlides().forEach(shorten);
      document.querySelectorAll(".shown").forEach(arrange);
      window.deckIsReady = true;
    });
}

// Where an equation is wider than the slide, all equations of the slide are written smaller, by the
// same factor: letters of two sizes would look as if they meant two things.
function narrow(part) {
  const equations = [...part.querySelectorAll("mjx-container")];
  const factor = Math.min(1, ...equations.map((equation) => equation.parentElement.clientWidth / equation.offsetWidth));
  if (factor === 1) return;
  for (const equation of equations) {
    const size = parseFloat(getComputedStyle(equation).fontSize);
    equation.style.fontSize = `${size * factor}px`;
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

// Several figures stand below each other or side by side, and the words above them or on their left:
// whichever leaves the figures larger.
function arrange(shown) {
  const figures = [...shown.querySelectorAll("figure")];
  if (figures.length === 0) return;
  const slide = shown.parentElement;
  const words = slide.querySelector(":scope > .text");
  const shapes = figures.map((figure) => {
    const { width, height } = figure.querySelector("svg").viewBox.baseVal;
    return width / height;
  });
  let fit = largest(shapes, shown.clientWidth, shown.clientHeight);
  if (words) {
    const beside = largest(shapes, 0.64 * shown.clientWidth, shown.clientHeight + words.offsetHeight);
    slide.classList.toggle("beside", beside.area > fit.area);
    if (beside.area > fit.area) fit = beside;
  }
  if (figures.length === 1) return;
  shown.classList.toggle("row", fit.isRow);
  figures.forEach((figure, place) => {
    figure.style.flexGrow = fit.isRow ? shapes[place] : 1 / shapes[place];
  });
}

// The area that figures of these shapes (width by height) get in a row or in a column.
function largest(shapes, width, height) {
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  // The common width of figures in a column, and the common height of figures in a row.
  const below = Math.min(width, height / total(shapes.map((shape) => 1 / shape)));
  const beside = Math.min(height, width / total(shapes));
  const inRow = total(shapes.map((shape) => shape * beside ** 2));
  const inColumn = total(shapes.map((shape) => below ** 2 / shape));
  return { isRow: inRow > inColumn, area: Math.max(inRow, inColumn) };
}
