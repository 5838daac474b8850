import { createReferenceKernels } from '../../kernels/reference/index.js';
import { kernelSuite } from './suite.js';

kernelSuite('reference', createReferenceKernels);
