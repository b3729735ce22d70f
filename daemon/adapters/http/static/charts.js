// Draws each chart from the table beside it, which stays for whoever reads rather than looks.
(() => {
  "use strict";

  const HEIGHT = 190;
  const drawn = new Map();

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    return { accent: colour("--accent"), quiet: colour("--quiet"), line: colour("--line") };
  };

  function read(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const day = (row) => Date.parse(row.querySelector("time").dateTime) / 1000;
    const value = (row, at) => {
      const text = row.cells[at].dataset.value;
      return text === "" ? null : Number(text);
    };
    const columns = figure.dataset.chart === "points" ? [1, 2] : [1];
    return [rows.map(day), ...columns.map((at) => rows.map((row) => value(row, at)))];
  }

  // The figure's words for what the pointer is at: the same as the table has.
  function tell(figure, at) {
    const row = at === null ? null : figure.querySelectorAll("tbody tr")[at];
    const names = [...figure.querySelectorAll("thead th")].map((head) => head.textContent);
    const words = row ? [...row.cells].map((cell, i) => (i ? `${names[i]}: ${cell.textContent.trim()}` : cell.textContent.trim())) : [];
    figure.querySelector(".chart-told").textContent = words.join(" · ");
  }

  function short(value) {
    return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  }

  function draw(figure) {
    const place = figure.querySelector(".chart-place");
    const { accent, quiet, line } = colours();
    const data = read(figure);
    const points = figure.dataset.chart === "points";
    const font = "12px system-ui, sans-serif";
    const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    const mark = (label, stroke, size) => ({ label, stroke, width: 1.5, spanGaps: true, points: { show: true, size, fill: stroke } });
    const bars = { label: "value", stroke: accent, fill: accent, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.6, 36], radius: 0.15 }) };
    const grid = { stroke: line, width: 1 };
    const highest = Math.max(...data.slice(1).flat().map(Number), points ? 1 : 4);
    place.replaceChildren();
    // From here on it has a place, and with it a width.
    figure.classList.add("is-drawn");
    drawn.set(figure, new uPlot({
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { range: (_, low, high) => [low - 43200, high + 43200] }, y: { range: [0, highest * 1.1] } },
      series: [{}, ...(points ? [mark("median", accent, 7), mark("slowest", quiet, 4)] : [bars])],
      axes: [
        { stroke: quiet, font, grid: { show: false }, ticks: { show: false }, size: 34, space: 70, values: (_, ticks) => ticks.map((at) => (at % 86400 ? "" : date.format(at * 1000))) },
        { stroke: quiet, font, grid, ticks: { show: false }, size: 54, space: 40, values: (_, ticks) => ticks.map(short) },
      ],
      hooks: { setCursor: [(chart) => tell(figure, chart.cursor.idx ?? null)] },
    }, data, place));
  }

  function drawAll() {
    for (const [figure, chart] of drawn) {
      if (figure.isConnected) continue;
      chart.destroy();
      drawn.delete(figure);
    }
    document.querySelectorAll("figure[data-chart]").forEach((figure) => {
      const now = drawn.get(figure);
      if (now) now.destroy();
      draw(figure);
    });
  }

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    drawAll();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.closest("#charts") || document.querySelector("#charts figure:not(.is-drawn)")) drawAll();
  });
  drawAll();
})();
