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
        pdfMaxPagesPerSlide: 1,
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
// whichever leaves the figures larger. All figures of a slide have one scale, so that their letters
// are of one size.
function arrange(shown) {
  const figures = [...shown.querySelectorAll("figure")];
  if (figures.length === 0) return;
  const sizes = figures.map((figure) => figure.querySelector("svg").viewBox.baseVal);
  let fit = largest(sizes, shown.clientWidth, shown.clientHeight);
  const words = shown.parentElement.querySelector(":scope > .text");
  if (words) {
    const beside = largest(sizes, 0.64 * shown.clientWidth, shown.clientHeight + words.offsetHeight);
    if (beside.scale > fit.scale) {
      fit = beside;
      shown.parentElement.classList.add("beside");
    }
  }
  if (figures.length === 1) return;
  shown.classList.toggle("row", fit.isRow);
  figures.forEach((figure, place) => {
    const { width, height } = sizes[place];
    figure.style.flexGrow = fit.isRow ? width : height;
    if (!fit.isRow) figure.style.width = `${fit.scale * width}px`;
  });
}

// The largest scale at which figures of these sizes fit into a row or into a column.
function largest(sizes, width, height) {
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  const widths = sizes.map((size) => size.width);
  const heights = sizes.map((size) => size.height);
  const inRow = Math.min(width / total(widths), height / Math.max(...heights));
  const inColumn = Math.min(width / Math.max(...widths), height / total(heights));
  return { isRow: inRow > inColumn, scale: Math.max(inRow, inColumn) };
}
