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
  let size = parseFloat(getComputedStyle(slide).fontSize);
  while (slide.scrollHeight > slide.clientHeight && size > smallest) {
    size -= 1;
    slide.style.fontSize = `${size}px`;
  }
}
