/* Charts from data-chart attributes, in the colours of the theme, with Chart.js as the theme ships it. */
"use strict";

(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = [];

  const series = (chart, type) =>
    chart.series.map((line) => {
      const ink = colour(`--bs-${line.colour}`);
      const isFilled = type === "line" && !line.is_dashed;
      return {
        label: line.label,
        data: line.data,
        borderColor: ink,
        backgroundColor: type === "bar" ? ink : `${ink}22`,
        fill: isFilled && !chart.is_cut,
        borderWidth: type === "line" ? (line.is_dashed ? 1.5 : 2) : 0,
        borderDash: line.is_dashed ? [5, 4] : [],
        borderRadius: 4,
        maxBarThickness: 32,
        categoryPercentage: chart.is_lying ? 0.7 : chart.labels.length > 24 ? 0.85 : 0.45,
        barPercentage: 0.9,
        pointRadius: line.is_dashed || chart.labels.length > 60 ? 0 : 2,
        pointHoverRadius: line.is_dashed ? 0 : 4,
        tension: chart.is_fine ? 0 : 0.3,
      };
    });

  const numbers = (chart) => ({
    beginAtZero: !chart.is_cut,
    max: chart.is_cut ? 100 : undefined,
    border: { display: false },
    grid: { color: colour("--bs-border") },
    ticks: { color: colour("--bs-soft"), precision: chart.is_fine ? undefined : 0, maxTicksLimit: 6 },
  });

  /* Names that are long get two lines, or the bars had no room. */
  const broken = (label) => {
    const middle = label.length > 16 ? label.indexOf(" ", Math.floor(label.length / 2) - 4) : -1;
    return middle < 0 ? label : [label.slice(0, middle), label.slice(middle + 1)];
  };

  const names = (chart) => ({
    grid: { display: false },
    border: { color: colour("--bs-border") },
    ticks: chart.is_lying
      ? { color: colour("--bs-text"), autoSkip: false, callback: (_, place) => broken(chart.labels[place] ?? "") }
      : { color: colour("--bs-soft"), maxRotation: 0, autoSkipPadding: 18 },
  });

  const options = (chart) => ({
    indexAxis: chart.is_lying ? "y" : "x",
    responsive: true,
    maintainAspectRatio: false,
    animation: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 300 },
    interaction: { mode: "index", axis: chart.is_lying ? "y" : "x", intersect: false },
    plugins: {
      legend: { display: false },
      tooltip: {
        padding: 10,
        usePointStyle: true,
        callbacks: {
          title: (items) => (chart.titles || chart.labels)[items[0].dataIndex],
          label: (item) => ` ${item.dataset.label}: ${item.formattedValue}${chart.unit ? ` ${chart.unit}` : ""}`,
        },
      },
    },
    scales: chart.is_lying ? { x: numbers(chart), y: names(chart) } : { x: names(chart), y: numbers(chart) },
  });

  const draw = (canvas) => {
    let chart = JSON.parse(canvas.dataset.chart);
    const picture = new Chart(canvas, {
      type: chart.type,
      data: { labels: chart.labels, datasets: series(chart, chart.type) },
      options: options(chart),
    });
    const refresh = () => {
      picture.data = { labels: chart.labels, datasets: series(chart, chart.type) };
      picture.options = options(chart);
      picture.update("none");
    };
    canvas.addEventListener("chart:data", (event) => {
      chart = event.detail;
      refresh();
    });
    drawn.push(refresh);
  };

  document.addEventListener("DOMContentLoaded", () => {
    Chart.defaults.font.family = "Inter, sans-serif";
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
    new MutationObserver(() => drawn.forEach((refresh) => refresh())).observe(document.documentElement, {
      attributeFilter: ["class"],
    });
  });
})();
