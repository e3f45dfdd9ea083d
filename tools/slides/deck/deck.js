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
      window.deckIsReady = true;
    });
}
