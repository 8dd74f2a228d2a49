import { ago } from "./time.js";
import { version } from "./version.js";

export const StatusBar = {
  props: { info: Object, now: Number },
  data: () => ({ version }),
  computed: {
    // Beat runs every 10 s; after three missed ones something is wrong.
    alive() {
      return this.info?.last_beat && this.now - new Date(this.info.last_beat) < 35000;
    },
    beat() {
      return this.info?.last_beat ? ago(this.info.last_beat, this.now) : "none yet";
    },
  },
  template: `
    <dl class="status">
      <div><dt>frontend</dt><dd data-test="frontend-version">{{ version }}</dd></div>
      <div><dt>backend</dt><dd data-test="backend-version">{{ info ? info.version : "…" }}</dd></div>
      <div><dt>task</dt><dd :title="info && info.task">{{ info ? info.task.slice(0, 8) : "…" }}</dd></div>
      <div><dt>database</dt><dd :title="info && info.database">{{ info ? info.database.split("/").pop() : "…" }}</dd></div>
      <div><dt>last beat</dt><dd data-test="last-beat"><i class="dot" :class="{ alive }"></i>{{ beat }}</dd></div>
    </dl>`,
};
