import { nextTick, onMounted, watch } from 'vue';
import { useRoute } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import './contrast.css';

export default {
  extends: DefaultTheme,
  setup() {
    const route = useRoute();
    // The default theme's home page has no main landmark; its other pages have one.
    const mark = () => nextTick(() => document.querySelector('.VPHome')?.setAttribute('role', 'main'));
    onMounted(mark);
    watch(() => route.path, mark);
  },
};
