import { getInfo, getPost, getPosts } from "./api.js";
import { Composer } from "./composer.js";
import { PostCard } from "./post_card.js";
import { StatusBar } from "./status_bar.js";

const kPage = 20;

// Two pages: "/" lists the posts, "/posts/<id>" shows one. nginx answers every path with this application.
export const App = {
  components: { Composer, PostCard, StatusBar },
  data: () => ({
    posts: [],
    count: 0,
    limit: kPage,
    loaded: false,
    info: null,
    path: location.pathname,
    single: null,
    now: Date.now(),
    error: "", // of the last refresh, gone with the next that works
    problem: "", // of the shown post, stays
  }),
  computed: {
    postId() {
      return this.path.match(/^\/posts\/(\d+)\/?$/)?.[1];
    },
    shown() {
      if (!this.postId) return this.posts;
      return this.single ? [this.single] : [];
    },
  },
  watch: {
    info(info) {
      document.title = `µblog · ${info.environment}`;
    },
  },
  created() {
    addEventListener("popstate", () => this.show(location.pathname));
    setInterval(() => (this.now = Date.now()), 1000);
    this.show(this.path);
    this.poll();
  },
  methods: {
    // Often while a post waits for the worker, so that its effect is seen at once; seldom otherwise.
    async poll() {
      await this.refresh();
      const waiting = this.shown.some((post) => post.word_count === null);
      setTimeout(() => this.poll(), waiting ? 1000 : 5000);
    },
    async refresh() {
      try {
        const [info, page] = await Promise.all([getInfo(), getPosts(this.limit)]);
        this.info = info;
        this.posts = page.results;
        this.count = page.count;
        this.single = page.results.find((post) => post.id === this.single?.id) || this.single;
        this.error = "";
      } catch (error) {
        this.error = error.message;
      }
      this.loaded = true;
    },
    async show(path) {
      this.path = path;
      this.single = null;
      this.problem = "";
      scrollTo(0, 0);
      if (!this.postId) return;
      try {
        this.single = await getPost(this.postId);
      } catch (error) {
        this.problem = error.message;
      }
    },
    go(path) {
      history.pushState(null, "", path);
      this.show(path);
    },
    add(post) {
      this.posts.unshift(post);
      this.count += 1;
      setTimeout(() => this.refresh(), 300);
    },
    more() {
      this.limit += kPage;
      this.refresh();
    },
  },
  template: `
    <header>
      <a class="brand" href="/" @click.prevent="go('/')"><span>µ</span>blog</a>
      <span class="environment" v-if="info" data-test="environment">{{ info.environment }}</span>
      <nav><a href="/mtv/">Pages</a><a href="/api/posts/">REST</a><a href="/graphql">GraphQL</a><a href="/admin/">Admin</a></nav>
    </header>
    <status-bar :info="info" :now="now"></status-bar>
    <main>
      <p v-if="error || problem" class="error banner" role="alert">{{ error || problem }}</p>
      <composer v-if="!postId" @created="add"></composer>
      <p v-else class="back"><a href="/" @click.prevent="go('/')">← All posts</a></p>
      <post-card v-for="post in shown" :key="post.id" :post="post" :now="now" @open="go('/posts/' + $event)"></post-card>
      <p v-if="loaded && !error && !postId && !shown.length" class="empty">Nothing here yet. Write the first post.</p>
      <p v-if="!postId && count > posts.length" class="more"><button class="quiet" @click="more">Show older posts</button></p>
    </main>`,
};
