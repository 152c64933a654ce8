import { nextTick, onMounted, watch } from 'vue';
import { useRoute } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import './contrast.css';

export default {
  extends: DefaultTheme,
  setup() {
    const route = useRoute();
    // Adds the main landmark that the default theme has on all pages but the home page.
    const mark = () => nextTick(() => document.querySelector('.VPHome')?.setAttribute('role', 'main'));
    onMounted(mark);
    watch(() => route.path, mark);
  },
};
