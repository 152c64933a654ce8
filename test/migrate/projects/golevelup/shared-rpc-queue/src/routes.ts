export const STOCK_EXCHANGE = 'warehouse';
export const STOCK_QUEUE = 'warehouse.requests';

export enum StockKey {
  Count = 'stock.count',
  Reserve = 'stock.reserve',
  Release = 'stock.release',
}
