import { ago } from "./time.js";

// Names keep their colour, so that authors are told apart at a glance.
function hue(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

export const PostCard = {
  props: { post: Object, now: Number },
  emits: ["open"],
  computed: {
    initial() {
      return [...this.post.author][0]?.toUpperCase();
    },
    avatarStyle() {
      return { "--hue": hue(this.post.author) };
    },
    words() {
      return `${this.post.word_count} ${this.post.word_count === 1 ? "word" : "words"}`;
    },
  },
  methods: { ago },
  template: `
    <article class="post" :data-post="post.id">
      <div class="avatar" :style="avatarStyle" aria-hidden="true">{{ initial }}</div>
      <div class="content">
        <p class="meta">
          <b>{{ post.author }}</b>
          <a :href="'/posts/' + post.id" @click.prevent="$emit('open', post.id)" :title="post.created_at">
            {{ ago(post.created_at, now) }}</a>
        </p>
        <p class="body">{{ post.body }}</p>
        <img v-if="post.image" :src="post.image" alt="" loading="lazy">
        <p class="facts">
          <template v-if="post.word_count !== null">
            <span class="chip words" :title="post.processed">{{ words }}</span>
            <span class="processed">{{ post.processed }}</span>
          </template>
          <span v-else class="chip waiting">waiting for a worker</span>
        </p>
      </div>
    </article>`,
};
