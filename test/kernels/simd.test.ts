import { createSimdKernels } from './simd-kernels.js';
import { kernelSuite } from './suite.js';

kernelSuite('simd', createSimdKernels);
