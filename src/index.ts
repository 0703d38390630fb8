export * from './phases/phase';
